# SPDX-License-Identifier: Apache-2.0
"""echo_client.py HOST PORT CONNECTIONS SECONDS: streams that must come back unchanged over connections that never end."""
import random
import socket
import sys
import threading
import time


class Client(threading.Thread):
    def __init__(self, host, port, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.socket = socket.create_connection((host, port), 10)
        self.socket.settimeout(30)
        self.error, self.bytes, self.stop, self.gap = None, 0, False, 0

    def run(self):
        try:
            while not self.stop:
                data = self.random.randbytes(self.random.choice([1, 100, 5000, 60000]))
                begin = time.monotonic()
                self.socket.sendall(data)
                have = b""
                while len(have) < len(data):
                    more = self.socket.recv(len(data) - len(have))
                    if not more:
                        raise OSError("connection closed")
                    have += more
                self.gap = max(self.gap, time.monotonic() - begin)
                if have != data:
                    raise OSError("other bytes came back")
                self.bytes += len(data)
                time.sleep(0.002)
        except OSError as error:
            self.error = str(error)


def main():
    host, port, count, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    clients = [Client(host, port, i) for i in range(count)]
    print("connected", flush=True)
    for c in clients:
        c.start()
    time.sleep(seconds)
    for c in clients:
        c.stop = True
    for c in clients:
        c.join(35)
    broken = [c.error or "hangs" for c in clients if c.error or c.is_alive()]
    print(f"{count} connections, {len(broken)} broken {broken[:3]}, {sum(c.bytes for c in clients)} bytes, "
          f"longest answer {max(c.gap for c in clients) * 1000:.1f} ms", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
