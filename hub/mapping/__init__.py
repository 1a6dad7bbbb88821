"""The mapping language: one file maps one stream to one kind, both ways; text in, plain functions out."""

from hub.mapping.compiled import CompiledMapping
from hub.mapping.compiler import compile_mapping
from hub.mapping.expression import compile_expression
from hub.mapping.faults import MappingError, Problem, RecordError
from hub.mapping.grammar import ExpressionError
from hub.mapping.round_trip import round_trip
from hub.mapping.shape import Field, FieldType, Match, Reading, Ref, RefLine, Shape, StreamSchema
from hub.mapping.trial import check_mapping, run_tests

__all__ = [
    "CompiledMapping",
    "ExpressionError",
    "Field",
    "FieldType",
    "MappingError",
    "Match",
    "Problem",
    "Reading",
    "RecordError",
    "Ref",
    "RefLine",
    "Shape",
    "StreamSchema",
    "check_mapping",
    "compile_expression",
    "compile_mapping",
    "round_trip",
    "run_tests",
]
