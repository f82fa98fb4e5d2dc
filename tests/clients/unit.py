# SPDX-License-Identifier: Apache-2.0
"""Run one module of unittest style: `unit.py MODULE [CLASS[.TEST]…]`; the last line is a RESULT."""
import os
import signal
import sys
import time
import unittest

TEST_SECONDS = int(os.environ.get("TEST_SECONDS", "180"))


def too_long(*_):
    raise AssertionError("the test took longer than %d s" % TEST_SECONDS)


class Result(unittest.TextTestResult):
    """Counts what passed, and says how long each test took when it was long."""

    passed = 0

    def startTest(self, test):
        self.began = time.monotonic()
        signal.alarm(getattr(test, "seconds", TEST_SECONDS))
        super().startTest(test)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def addSuccess(self, test):
        self.passed += 1
        super().addSuccess(test)
        took = time.monotonic() - self.began
        if took > 1.0:
            self.stream.writeln("    (%.1f s)" % took)


def main(module, names):
    signal.signal(signal.SIGALRM, too_long)
    loader = unittest.TestLoader()
    wanted = [module + "." + name for name in names] or [module]
    tests = loader.loadTestsFromNames(wanted)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print("RESULT passed=%d failed=%d skipped=%d" % (result.passed, failed, len(result.skipped)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
