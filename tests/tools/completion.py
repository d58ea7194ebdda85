#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks apps/llama's server for a text and takes the tokens as they come.

  completion.py HOST PORT PROMPT [NAME=VALUE ...]   prints the text; parameters as in apps/llama/server.cc
"""
import contextlib
import http.client
import sys
import threading
import time
import urllib.parse


class Completion(threading.Thread):
    """A text on its way, read in a thread of its own: `tokens` as received, one chunk of HTTP each, `times` when each was there.

    `inside`: a context in which the connection is made, for a network namespace."""

    def __init__(self, host, port, prompt, inside=contextlib.nullcontext, seconds=300, **parameters):
        super().__init__(daemon=True)
        self.prompt, self.parameters, self.inside = prompt, parameters, inside
        self.connection = http.client.HTTPConnection(host, port, timeout=seconds)
        self.tokens, self.times, self.error = [], [], None
        self.came = threading.Condition()
        self.start()

    def run(self):
        try:
            with self.inside():
                self.connection.connect()
            self.connection.request("POST", "/completion?" + urllib.parse.urlencode(self.parameters), self.prompt.encode())
            response = self.connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"status {response.status}: {response.read().decode()}")
            while token := response.read1(1 << 16):     # what ends without HTTP's last chunk is an exception
                with self.came:
                    self.tokens.append(token)
                    self.times.append(time.monotonic())
                    self.came.notify_all()
        except Exception as error:                      # whoever waits for the text gets it
            self.error = error
        finally:
            self.connection.close()
            with self.came:
                self.came.notify_all()

    def wait(self, count, seconds=300):
        """Until so many tokens have come."""
        with self.came:
            self.came.wait_for(lambda: len(self.tokens) >= count or self.error, seconds)
        if len(self.tokens) < count:
            raise self.error or RuntimeError(f"{len(self.tokens)} of {count} tokens within {seconds} s")

    def text(self, seconds=300):
        """All of it, when it is there."""
        self.join(seconds)
        if self.is_alive() or self.error:
            raise self.error or RuntimeError(f"no end after {len(self.tokens)} tokens within {seconds} s")
        return b"".join(self.tokens)

    def rate(self):
        """Tokens per second, without the first, which had to wait for the prompt."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])

    def longest_gap(self):
        """Seconds."""
        return max(after - before for before, after in zip(self.times, self.times[1:]))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    completion = Completion(sys.argv[1], int(sys.argv[2]), sys.argv[3], **dict(p.split("=", 1) for p in sys.argv[4:]))
    try:
        sys.stdout.buffer.write(completion.text() + b"\n")
    except (OSError, RuntimeError, http.client.HTTPException) as failure:
        sys.exit(f"completion.py: {failure}")
