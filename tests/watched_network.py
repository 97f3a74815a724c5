"""Runs a command in a network of its own, and tells whom it tried to reach.

    unshare --net --mount [--user --map-root-user] python -m tests.watched_network REPORT command …

Every address leads to this machine there, so that each packet is seen on the loopback device, whatever it was meant
for; names are asked of a server that knows none. REPORT becomes {"names": […], "addresses": […]}.
"""

import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from ipaddress import ip_address
from pathlib import Path

ALL_PROTOCOLS = 0x0003  # ETH_P_ALL
HEADER = 14  # bytes of Ethernet's header, which the loopback device has too
IPV4, IPV6 = 0x0800, 0x86DD
REFUSED = b"\x81\x83"  # DNS: an answer, "no such name"
FILES = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


def prepare(folder: Path) -> None:
    """Bring the loopback device up, lead every address to it, and the resolver to us."""
    commands = [["ip", "link", "set", "lo", "up"], ["ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo"]]
    for place, text in FILES.items():
        ours = folder / place.replace("/", "-")
        ours.write_text(text)
        commands.append(["mount", "--bind", str(ours), place])
    for command in commands:
        subprocess.run(command, check=True)
    subprocess.run(["ip", "-6", "route", "add", "local", "::/0", "dev", "lo"], check=False, capture_output=True)


def name_in(question: bytes) -> str:
    """The name that a DNS message asks for."""
    labels, place = [], 12
    while length := question[place]:
        labels.append(question[place + 1 : place + 1 + length].decode(errors="replace"))
        place += 1 + length
    return ".".join(labels)


def receiver_of(frame: bytes) -> str | None:
    """The address that a frame goes to, if it is one of IP."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[HEADER:]
    if kind == IPV4:
        return socket.inet_ntop(socket.AF_INET, packet[16:20])
    return socket.inet_ntop(socket.AF_INET6, packet[24:40]) if kind == IPV6 else None


def answer_names(names: set[str]) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            question, client = server.recvfrom(4096)
            names.add(name_in(question))
            server.sendto(question[:2] + REFUSED + question[4:], client)

    threading.Thread(target=serve, daemon=True).start()


def watch_packets(addresses: set[str]) -> None:
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    device.bind(("lo", 0))

    def watch() -> None:
        while True:
            receiver = receiver_of(device.recv(128))
            if receiver and not ip_address(receiver).is_loopback:
                addresses.add(receiver)

    threading.Thread(target=watch, daemon=True).start()


def main(report: Path, command: list[str]) -> int:
    names: set[str] = set()
    addresses: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        answer_names(names)
        watch_packets(addresses)
        code = subprocess.run(command, check=False).returncode
    report.write_text(json.dumps({"names": sorted(names), "addresses": sorted(addresses)}))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
