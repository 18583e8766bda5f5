"""Machines of one test alone: each has a network, a host name and shared memory of its own, and cables that can be cut.

They are network namespaces of Linux behind one bridge, so only root can make them. A cut cable drops packets: nobody is
told that a connection has ended, as when a machine loses its power.
"""

import contextlib
import os
import shutil
import subprocess
import sys

# Reserved for measuring devices in a laboratory (RFC 2544), so no machine has it.
NETWORK, BRIDGE = "198.18.{}", "alphanode{}"
LISTEN = "import socket; server = socket.create_server(('', 5432)); print(flush=True); server.accept()"
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 5432), timeout=10)"


def missing():
    """Return why this machine can't hold others, or an empty string."""
    tools = [tool for tool in ("ip", "iptables", "unshare") if not shutil.which(tool)]
    if tools:
        return f"{' and '.join(tools)} missing. On Debian: apt-get install iproute2 iptables util-linux"
    if os.getuid():
        return "only root may make network namespaces"
    try:
        _try()
    except (subprocess.CalledProcessError, AssertionError):
        return "network namespaces can't be made here, or can't reach each other"
    return ""


def _try():
    """Let one machine listen and another one connect to it: a container or a firewall may forbid either."""
    with own_machines(2) as (_, (first, second)), contextlib.ExitStack() as stack:
        command = first.command(sys.executable, "-c", LISTEN)
        listening = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        stack.callback(listening.kill)
        assert listening.stdout.readline(), "nothing could be started"
        second.mend()
        _do(*second.command(sys.executable, "-c", CONNECT, first.address))


class Machine:
    """One of them. Its processes are started with command(…)."""

    def __init__(self, name, address):
        self.name, self.address = name, address

    def command(self, *arguments):
        """Return the arguments of Popen that start a program on this machine, under the number that Popen knows."""
        prepare = 'hostname "$1" && mount -t tmpfs tmpfs /dev/shm && shift && exec "$@"'
        inside = ("unshare", "--mount", "--uts", "sh", "-c", prepare, "sh", self.name)
        return ["ip", "netns", "exec", self.name, *inside, *map(str, arguments)]

    def cut(self, port, share=1):
        """Drop what this machine and that port of any other one send each other; share: how much of it."""
        some = () if share == 1 else ("-m", "statistic", "--mode", "random", "--probability", str(share))
        self._filter("-A", "OUTPUT", "-p", "tcp", "--dport", str(port), *some, "-j", "DROP")
        self._filter("-A", "INPUT", "-p", "tcp", "--sport", str(port), *some, "-j", "DROP")

    def mend(self):
        """Let everything through again."""
        self._filter("-F")

    def unplug(self):
        """Cut it off from all others for good."""
        _do("ip", "-n", self.name, "link", "set", "eth0", "down")

    def _filter(self, *arguments):
        _do("ip", "netns", "exec", self.name, "iptables", *arguments)


@contextlib.contextmanager
def own_machines(count):
    """Yield (address of this machine as the others see it, [Machine, …])."""
    number = _new_bridge()
    network, bridge = NETWORK.format(number), BRIDGE.format(number)
    machines = [Machine(f"{bridge}-{at}", f"{network}.{at + 2}") for at in range(count)]
    with contextlib.ExitStack() as stack:
        stack.callback(_do, "ip", "link", "del", bridge)
        _do("ip", "address", "add", f"{network}.1/24", "dev", bridge)
        _do("ip", "link", "set", bridge, "up")
        for at, machine in enumerate(machines):
            cable = f"{bridge}.{at}"
            _do("ip", "netns", "add", machine.name)
            stack.callback(_do, "ip", "netns", "del", machine.name)
            _do("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
            # A machine whose last process has just ended goes later: its cable would be in the way of the next one.
            stack.callback(_do, "ip", "link", "del", cable)
            _do("ip", "link", "set", cable, "master", bridge, "up")
            inside = ("ip", "-n", machine.name)
            _do(*inside, "address", "add", f"{machine.address}/24", "dev", "eth0")
            _do(*inside, "link", "set", "eth0", "up")
            _do(*inside, "link", "set", "lo", "up")
        yield f"{network}.1", machines


def _new_bridge():
    """Make a bridge; return its number. Other tests, also of another run, have others."""
    for number in range(250):
        made = subprocess.run(
            ["ip", "link", "add", BRIDGE.format(number), "type", "bridge"], capture_output=True, check=False
        )
        if made.returncode == 0:
            return number
    raise AssertionError(f"No bridge could be made: {made.stderr.decode()}")


def move(address, machine, machines):
    """Let a machine answer at an address in place of another one, which is away for good."""
    _do("ip", "-n", machine.name, "address", "add", f"{address}/24", "dev", "eth0")
    # A machine that takes an address over tells all others to forget who had it.
    for other in machines:
        _do("ip", "-n", other.name, "neigh", "flush", "to", address)
    _do("ip", "neigh", "flush", "to", address)


def _do(*command):
    subprocess.run(command, check=True, capture_output=True)
