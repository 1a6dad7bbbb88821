"""The filter of a sync, asked about one entity; one that cannot be answered is a failure of that record alone."""

from hub.canon.entity import Fields
from hub.config.runtime import BoundSync
from hub.mapping import ExpressionError
from hub.sync.policy import Failure


def condition_holds(sync: BoundSync, fields: Fields) -> bool | Failure:
    """Does the sync want this entity? A `Failure` (which counts as yes: somebody must look) where nobody can say."""
    if sync.when is None:
        return True
    try:
        return bool(sync.when(fields))
    except ExpressionError as error:
        return Failure(
            "ConfigInvalid",
            f"the filter of {sync.name} cannot be answered for this record: {error}; correct `when`, then retry",
            f"同步任务 {sync.name} 的筛选条件无法用于该记录：{error.zh}；请更正 when 后重试",
        )
