from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postroom.embedded.child import Program
from postroom.embedded.errors import StartError
from postroom.embedded.keeper import Backoff
from postroom.embedded.output import Console
from postroom.embedded.postgres import EmbeddedPostgres
from postroom.embedded.supervisor import Supervisor
from tests.platform_process import eventually


class Stage:
    """A supervisor whose output and end a test can look at."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.supervisor = Supervisor(Console(self.stream), backoff=lambda: Backoff(first=0.02, longest=0.1))

    @property
    def output(self) -> str:
        return self.stream.getvalue()

    async def until(self, condition: Callable[[], bool]) -> None:
        async def probe() -> bool:
            return condition()

        assert await self.supervisor.wait_for(probe, timeout=20), self.output


@pytest.fixture
async def stage() -> Stage:
    return Stage()


def shell(name: str, script: str, *, stop_stage: int = 0, stop_timeout: float = 10.0) -> Program:
    return Program(name, ["/bin/sh", "-c", script], stop_stage=stop_stage, stop_timeout=stop_timeout)


SLEEPER = "echo up; exec sleep 60"


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def test_a_program_that_ends_is_started_again(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        supervisor.is_ready = True
        supervisor.keep(shell("flaky", "echo hello; exit 3"))
        await stage.until(lambda: stage.output.count("hello") >= 4)
        supervisor.ask_to_stop()

    await stage.supervisor.run(bring_up)
    assert "flaky    │ ended with status 3; starting it again in 0.04 s." in stage.output


async def test_a_program_that_never_comes_up_is_given_up_with_its_last_words(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        supervisor.keep(shell("lab", "echo port 2600 is in use; exit 1"))
        await asyncio.sleep(60)

    with pytest.raises(StartError, match="lab ended with status 1 each time it was started: port 2600 is in use"):
        await stage.supervisor.run(bring_up)


async def test_a_failure_while_coming_up_is_one_line_and_stops_the_rest(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        supervisor.keep(shell("web", SLEEPER))
        await stage.until(lambda: "web      │ up" in stage.output)
        raise StartError("127.0.0.1:25 is in use.")

    with pytest.raises(StartError, match="in use"):
        await stage.supervisor.run(bring_up)
    assert stage.output == "web      │ up\n"


async def test_programs_are_stopped_stage_by_stage(stage: Stage, tmp_path: Path) -> None:
    script = f"trap 'sleep 0.1; echo $0 >> {tmp_path}/order; exit' TERM; echo up; while :; do sleep 0.01; done"

    async def bring_up(supervisor: Supervisor) -> None:
        for name, stop_stage in (("worker", 1), ("lab", 2), ("web", 0)):
            supervisor.keep(shell(name, script.replace("$0", name), stop_stage=stop_stage))
        await stage.until(lambda: stage.output.count("up") == 3)
        supervisor.ask_to_stop()

    await stage.supervisor.run(bring_up)
    assert (tmp_path / "order").read_text().split() == ["web", "worker", "lab"]


async def test_one_that_does_not_stop_in_time_is_killed_with_its_children(stage: Stage) -> None:
    script = "trap '' TERM; sleep 61 & echo child $!; echo self $$; wait; sleep 62"

    async def bring_up(supervisor: Supervisor) -> None:
        supervisor.keep(shell("stubborn", script, stop_timeout=0.1))
        await stage.until(lambda: "self" in stage.output)
        supervisor.ask_to_stop()

    await stage.supervisor.run(bring_up)
    assert "did not stop in time" in stage.output
    pids = [int(line.split()[-1]) for line in stage.output.splitlines() if "child" in line or "self" in line]
    assert len(pids) == 2
    await stage.until(lambda: not any(alive(pid) for pid in pids))


async def test_a_second_signal_does_not_wait(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        supervisor.keep(shell("stubborn", "trap '' TERM; echo up; while :; do sleep 1; done", stop_timeout=60))
        await stage.until(lambda: "up" in stage.output)
        for delay, number in ((0, signal.SIGTERM), (0.1, signal.SIGINT)):
            asyncio.get_running_loop().call_later(delay, os.kill, os.getpid(), number)
        await asyncio.sleep(60)

    async with asyncio.timeout(10):
        await stage.supervisor.run(bring_up)


async def test_a_program_run_once_hands_back_its_output(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        assert await supervisor.run_once(shell("prepare", "echo a note >&2; echo '[]'")) == ["[]"]
        with pytest.raises(StartError, match="prepare ended with status 2: no such table"):
            await supervisor.run_once(shell("prepare", "echo no such table >&2; exit 2"))
        supervisor.ask_to_stop()

    await stage.supervisor.run(bring_up)
    assert "prepare  │ a note" in stage.output


async def test_a_program_that_does_not_exist_is_one_line(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.run_once(Program("prepare", ["/no/such/program"]))

    with pytest.raises(StartError, match=r"prepare cannot be started \(/no/such/program\): No such file"):
        await stage.supervisor.run(bring_up)


async def test_stopping_while_coming_up_ends_what_runs_once(stage: Stage) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        asyncio.get_running_loop().call_later(0.1, supervisor.ask_to_stop)
        await supervisor.run_once(shell("prepare", "echo pid $$ >&2; exec sleep 60"))

    await stage.supervisor.run(bring_up)
    pid = int(stage.output.split("pid ")[1].split()[0])
    assert not alive(pid)


@pytest.mark.slow
async def test_a_killed_database_is_started_again(stage: Stage, server: EmbeddedPostgres) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.keep_database(server)
        supervisor.is_ready = True
        assert server.process is not None
        first = server.process.pid
        os.kill(first, signal.SIGKILL)
        await stage.until(lambda: server.process is not None and server.process.pid != first and server.is_ready())
        supervisor.ask_to_stop()

    await stage.supervisor.run(bring_up)
    assert server.process is None


@pytest.mark.slow
def test_nothing_outlives_a_supervisor_that_is_killed() -> None:
    program = (
        "import asyncio, sys; from postroom.embedded.supervisor import *\n"
        "async def bring_up(supervisor):\n"
        "    supervisor.keep(Program('one', ['/bin/sh', '-c', 'echo $$; exec sleep 60']))\n"
        "async def main(): await Supervisor(Console(sys.stdout)).run(bring_up)\n"
        "asyncio.run(main())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    with process.stdout as output:
        pid = int(output.readline().split()[-1])
        process.kill()
        process.wait()
        assert output.read() == b""  # the child held the other end of no pipe of ours
    eventually(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("runs", "delays"), [([0.1, 0.1, 0.1, 0.1], [0.5, 1, 2, 4]), ([0, 0, 60, 0], [0.5, 1, 0.5, 1]), ([0] * 9, None)]
)
def test_the_pause_grows_and_starts_anew_after_a_steady_run(runs: list[float], delays: list[float] | None) -> None:
    backoff = Backoff()
    found = [backoff.after(seconds) for seconds in runs]
    assert found == delays if delays else found[-1] == 30.0
