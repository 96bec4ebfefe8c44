"""Run every program file once as ``python3 main.py < input`` in a bare container of the sandbox's image.

Nothing of ours runs beside it. Programs called ``recursion_*`` have the stack of a contest site.
"""

import base64
import json
import subprocess
from pathlib import Path

from ssd_harness.plugins.docker import image as docker_image
from ssd_harness.sandbox.interface import Limits
from ssd_harness.sandbox.worker import child, scratch

PROGRAMS = {path.stem: path for path in sorted((Path(__file__).parent / "programs").glob("*.py"))}

_RUN_ALL = """
import base64, json, os, resource, subprocess, sys
def limit(stack=8 << 20):
    os.setsid()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.RLIM_INFINITY))
    for kind, most in LIMITS:
        resource.setrlimit(kind, (most, most))
    os.setgroups([]); os.setresgid(99, 99, 99); os.setresuid(99, 99, 99)
for line in sys.stdin:
    name, program, data = json.loads(line)
    for folder in ("/tmp", "/dev/shm"):
        subprocess.run([sys.executable, "-c", "import os, shutil, sys\\nfor n in os.listdir(sys.argv[1]):\\n    p = os.path.join(sys.argv[1], n)\\n    shutil.rmtree(p) if os.path.isdir(p) else os.unlink(p)", folder], preexec_fn=limit)
    with open("/tmp/main.py", "wb") as file:
        file.write(base64.b64decode(program))
    os.chown("/tmp/main.py", 99, 99)
    stdin = os.memfd_create("input")
    os.write(stdin, base64.b64decode(data))
    os.fchmod(stdin, 0o444)
    stdin = os.open(f"/proc/self/fd/{stdin}", os.O_RDONLY)
    prepare = (lambda: limit(STACK)) if name.startswith("recursion_") else limit
    done = subprocess.run(["python3", "/tmp/main.py"], stdin=stdin, capture_output=True, cwd="/tmp", preexec_fn=prepare)
    answer = [name, done.returncode, base64.b64encode(done.stdout).decode(), done.stderr[-300:].decode("utf-8", "replace")]
    print(json.dumps(answer), flush=True)
"""


def given_input(name):
    """Return the bytes of a program's standard input."""
    path = PROGRAMS[name].with_suffix(".in")
    return path.read_bytes() if path.exists() else b""


def plain_runs():
    """Return {name: (exit status, standard output)}."""
    limits = Limits()
    lines = [
        json.dumps([name, *(base64.b64encode(data).decode() for data in (path.read_bytes(), given_input(name)))])
        for name, path in PROGRAMS.items()
    ]
    limited = "[(resource.RLIMIT_AS, %d), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, %d)]"
    command = ["docker", "run", "--rm", "--interactive", "--network=none", "--read-only"]
    for folder in scratch.FOLDERS:
        command += ["--tmpfs", f"{folder}:{scratch.MOUNT_OPTIONS}"]
    command += ["--entrypoint=python3", docker_image.tag(), "-c"]
    program = _RUN_ALL.replace("LIMITS", limited % (limits.memory, scratch.MAX_FILE)).replace(
        "STACK)", f"{child.STACK})"
    )
    command.append(program)
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    answers = map(json.loads, done.stdout.splitlines())
    return {name: (status, base64.b64decode(output)) for name, status, output, _ in answers}
