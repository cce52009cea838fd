"""Ctrl-C and SIGTERM: the step that runs is finished and saved; a second signal ends the program at once."""

import os
import signal
import threading

from npslim.logs import logger


class StopOnSignal:
    """Inside, the first SIGINT or SIGTERM only sets `signal`; at the second one the system's own action follows.

    Signals come to the main thread only; in any other this does nothing.
    """

    def __init__(self):
        self.signal = None
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.signal = number
        logger.info("%s: finishing the step and saving; once more ends at once.", signal.Signals(number).name)

    def leave(self):
        """Raise what ends the program: KeyboardInterrupt after SIGINT (status 130), SystemExit(143) after SIGTERM."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(128 + self.signal)
