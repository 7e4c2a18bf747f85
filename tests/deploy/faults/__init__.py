from tests.deploy.faults.checked import CHECKED
from tests.deploy.faults.told import TOLD

FAULTS = (*CHECKED, *TOLD)

__all__ = ["CHECKED", "FAULTS", "TOLD"]
