"""Receivables: match, allocate, states. Plain functions over entities; they write nothing and know no vendor."""
