"""What a sound is: musicnn (Pons and Serra, 2019), a training graph and checkpoint that TensorFlow 1 wrote in 2019, run
as they are. The package is musicnn; where.py says how to get it. Without a file three sounds are made and tagged.

python music.py [SOUND.wav] [--output music.png]
"""

import argparse
import ast

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import where
from scipy import signal
from scipy.io import wavfile

import npslim as slim
import npslim.tf as tf

RATE, HOP, WINDOW, BANDS, FRAMES = 16000, 256, 512, 96, 187  # of the sound; frames of 3 s


def bands():
    """`[96, 257]`: triangles over frequencies, even in mel (Slaney's scale), each of area one."""
    scale = [200 / 3 * np.arange(16), 1000 * 6.4 ** (np.arange(200) / 27)]  # linear below 1 kHz, then 27 steps for 6.4
    place = np.concatenate([np.arange(15), 15 + np.arange(200)])
    frequency = np.concatenate([scale[0][:15], scale[1]])
    top = np.interp(RATE / 2, frequency, place)
    edges = np.interp(np.linspace(0, top, BANDS + 2), place, frequency)
    below, center, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    at = np.fft.rfftfreq(WINDOW, 1 / RATE)
    triangles = np.minimum((at - below) / (center - below), (above - at) / (above - center))
    return np.maximum(triangles, 0) * 2 / (above - below)


def spectrogram(sound):
    """`[frames, 96]`: the logarithm of the energy in each band."""
    padded = np.pad(sound, WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * signal.windows.hann(WINDOW, sym=False))) ** 2
    return np.log10(10000 * (power @ bands().T) + 1).astype(np.float32)


def tags(patches, meta):
    """(the names of the 50 tags, their probabilities `[n, 50]`) for `[n, 187, 96]`."""
    source = (meta.parents[1] / "configuration.py").read_text()
    names = next(
        ast.literal_eval(line.value) for line in ast.parse(source).body
        if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "MTT_LABELS"
    )  # fmt: skip
    saver = tf.train.import_meta_graph(str(meta))
    graph = tf.get_default_graph()
    x, training, y = (
        graph.get_tensor_by_name(f"model/{name}:0") for name in ("Placeholder", "Placeholder_2", "Sigmoid")
    )
    with slim.Session() as session:
        saver.restore(session, f"{meta.parent}/")  # the checkpoint has no name, only endings
        return names, session.run(y, {x: patches, training: False})


# ---- three sounds


def plucked(note, seconds, rng):
    """A string: noise that runs around a loop and loses its high parts (Karplus and Strong, 1983)."""
    period = round(RATE / (440 * 2 ** ((note - 69) / 12)))
    burst = np.zeros(int(seconds * RATE))
    burst[:period] = rng.uniform(-1, 1, period)
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
    return signal.lfilter([1], loop, burst)


def strings(seconds, rng):
    """Broken chords."""
    sound = np.zeros(int(seconds * RATE) + 2 * RATE)
    for i in range(int(seconds * 4)):
        note = (45, 52, 57, 60, 64, 60, 57, 52)[i % 8] + (0, 5, -2, 3)[i // 8 % 4]
        at = i * RATE // 4
        sound[at : at + 2 * RATE] += plucked(note, 2, rng)
    return sound[: int(seconds * RATE)] / 3


def beats(seconds, rng):
    """Drums at 130 a minute, and a low saw."""
    at = np.arange(int(seconds * RATE)) / RATE
    beat = at % (60 / 130)
    drum = np.sin(2 * np.pi * 50 * beat - 8 * np.exp(-30 * beat)) * np.exp(-8 * beat)
    half = (at + 30 / 130) % (60 / 130)
    hat = rng.normal(size=at.size) * np.exp(-60 * half) * 0.4
    saw = signal.sawtooth(2 * np.pi * 55 * 2 ** (np.floor(at / 1.85) % 4 / 4) * at) * 0.3 * (beat > 0.1)
    return (drum + hat + saw) / 2


def flute(seconds, rng):
    """One slow line of pure tones with vibrato and breath."""
    at = np.arange(int(seconds * RATE)) / RATE
    note = np.array([74, 76, 77, 81, 79, 77, 76, 72])[(at / 1.2).astype(int) % 8]
    phase = np.cumsum(2 * np.pi * 440 * 2 ** ((note - 69 + 0.15 * np.sin(2 * np.pi * 5 * at)) / 12)) / RATE
    swell = np.sin(np.pi * (at / 1.2 % 1)) ** 0.5
    return (np.sin(phase) + 0.2 * np.sin(2 * phase) + 0.02 * rng.normal(size=at.size)) * swell / 3


def main():
    """Read or make a sound, tag every three seconds of it, draw both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sound", nargs="?", help="a .wav file")
    parser.add_argument("--output", default="music.png")
    args = parser.parse_args()
    meta = where.find_or_exit(*where.MUSICNN)
    matplotlib.use("Agg")
    if args.sound:
        rate, sound = wavfile.read(args.sound)
        sound = sound.astype(np.float64) / (np.iinfo(sound.dtype).max if sound.dtype.kind == "i" else 1)
        sound = sound.mean(1) if sound.ndim > 1 else sound
        sound = signal.resample_poly(sound, RATE, rate)
    else:
        rng = np.random.default_rng(0)
        sound = np.concatenate([make(6.1, rng) for make in (strings, beats, flute)])
    seen = spectrogram(sound)
    patches = seen[: len(seen) // FRAMES * FRAMES].reshape(-1, FRAMES, BANDS)
    names, found = tags(patches, meta)
    shown = np.unique(np.argsort(-found, 1)[:, :4])
    figure, axes = plt.subplots(2, 1, figsize=(10, 8), layout="constrained", height_ratios=(1, 2))
    seconds = len(patches) * FRAMES * HOP / RATE
    axes[0].imshow(patches.reshape(-1, BANDS).T, origin="lower", aspect="auto", extent=(0, seconds, 0, BANDS))
    axes[0].set(title="spectrogram", ylabel="band")
    axes[1].imshow(found[:, shown].T, aspect="auto", cmap="magma", vmin=0, extent=(0, seconds, len(shown), 0))
    axes[1].set(
        title="tags", xlabel="seconds", yticks=np.arange(len(shown)) + 0.5, yticklabels=[names[i] for i in shown]
    )
    figure.savefig(args.output, dpi=80)
    for i, row in enumerate(found):
        best = ", ".join(f"{names[j]} {row[j]:.2f}" for j in np.argsort(-row)[:4])
        print(f"{3 * i:3} s  {best}")


if __name__ == "__main__":
    main()
