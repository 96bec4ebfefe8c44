import os
import socket
import subprocess
import sys

import pytest

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness.process_group import gather, raise_together

RANK = """
from torch import distributed
from ssd_harness.errors import SsdError, UsageError
from ssd_harness.harness.process_group import raise_together, gather
distributed.init_process_group("gloo")
raise_together(None)
try:
    raise_together(UsageError("no sandbox here") if distributed.get_rank() == 1 else None)
except SsdError as error:
    print(f"{distributed.get_rank()}: {error}")
else:
    print("nobody told this rank")
if gather(distributed.get_rank()) != [0, 1]:
    print("gathered something else")
distributed.barrier()
distributed.destroy_process_group()
"""


def test_alone_a_failure_is_simply_raised():
    raise_together(None)
    assert gather("mine") == ["mine"]
    with pytest.raises(UsageError):
        raise_together(UsageError("x"))
    assert not issubclass(UsageError, InfrastructureError)


@pytest.mark.hf
@pytest.mark.slow
def test_all_ranks_fail_together():
    pytest.importorskip("torch")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK], env={**common, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert outputs == ["0: rank 1 failed: no sandbox here\n", "1: no sandbox here\n"]
