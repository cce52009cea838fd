"""How much of a training step goes into waiting for input, and how full the queue is that it takes from."""


class InputMeter:
    """Looks at the runs of `session` from now on, those of queue runners left out."""

    def __init__(self, session):
        self._session, self._before = session, getattr(session, "waited", 0.0)

    def waited(self):
        """The seconds that runs have waited for queues and iterators."""
        return getattr(self._session, "waited", 0.0) - self._before

    def share(self, seconds):
        """The part of the last `seconds` that runs have waited for queues and iterators, 0 to 1."""
        return min(max(self.waited() / seconds, 0.0), 1.0) if seconds > 0 else 0.0

    def fill(self):
        """(name, elements, capacity) of the queue that runs take from; None if they take from none."""
        queue = getattr(self._session, "input_queue", None)
        return None if queue is None else (queue.name, queue.size(), queue.capacity)

    def describe(self, seconds):
        """Share and fill in words, empty if the runs take no input."""
        queue = self.fill()
        if queue is None and not getattr(self._session, "waited", 0.0):
            return ""
        words = f" waiting for input: {self.share(seconds):.0%} of the step"
        return words if queue is None else f"{words}, {queue[0]} holds {queue[1]} of {queue[2]}"
