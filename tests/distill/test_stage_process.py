from ssd_harness.distill import stage_process


def test_stages_see_no_distributed_launch_and_one_device(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID", "ACCELERATE_USE_FSDP"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    monkeypatch.setenv("HF_HOME", "/somewhere")
    environment = stage_process.environment()
    assert (
        not {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID", "ACCELERATE_USE_FSDP"}
        & environment.keys()
    )
    assert environment["CUDA_VISIBLE_DEVICES"] == "3"
    assert environment["HF_HOME"] == "/somewhere"


def test_a_log_of_hostile_bytes_yields_one_harmless_line(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"first\n\xff\x1b[2Jevil\x07 \xe2\x80\xaetxt\r\n\n")
    line = stage_process.last_line(log)
    assert line.isprintable()
    assert "evil" in line
    log.write_bytes(b"x" * 1_000_000)
    assert len(stage_process.last_line(log)) <= 500
    log.write_bytes(b"")
    assert stage_process.last_line(log) == "nothing in the log"
