"""Every table of every room, so that the schema history is compared with all of them."""

from backend.audit import tables as audit
from backend.database import Table
from backend.datasets import tables as datasets
from backend.identity import allowance_tables as allowances
from backend.identity import sign_in_tables as sign_in
from backend.identity import subscriber_tables as subscribers
from backend.identity import tables as identity
from backend.monitoring import tables as monitoring
from backend.registry import tables as registry
from backend.training import tables as training

ROOMS = (audit, identity, sign_in, subscribers, allowances, datasets, training, registry, monitoring)
METADATA = Table.metadata
