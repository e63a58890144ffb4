"""Lesson 01 · Three or seven: can a program read digits without learning anything?

You will average thousands of handwritten 3s and 7s and subtract one average from the other. The
difference is a stencil: lay it over a new digit, add up, and the sum says 3 or 7. It reads most
of them. Then you will move the digits by two pixels.
"""

import numpy as np
from matplotlib.figure import Figure

from hello_dl.course import begin
from hello_dl.data.digits import load_digits

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# Percent to expect: people's handwriting (MNIST), or our own drawings where that is missing.
EXPECTED = {
    "MNIST": {"zero": (94, 95.5), "halfway": (96, 97.2), "moved": (50, 58)},
    "strokes": {"zero": (68, 84), "halfway": (87, 94), "moved": (54, 68)},
}

# %% The data: pictures of 28 x 28 pixels. 0 is paper and 1 is full ink.
lesson.section("The digits")

digits = load_digits(lesson.data, download=False)
expected = EXPECTED[digits.name]


def pick(images, labels, digit):
    """Take the pictures of one digit, as numbers from 0 to 1."""
    return images[labels == digit] / 255.0  # (n, 28, 28)


many = 300 if lesson.quick else None  # None: all of them
threes = pick(digits.train_images, digits.train_labels, 3)[:many]
sevens = pick(digits.train_images, digits.train_labels, 7)[:many]
test_threes = pick(digits.test_images, digits.test_labels, 3)
test_sevens = pick(digits.test_images, digits.test_labels, 7)
print(f"{digits.name}, {digits.note}.")
print(f"To look at: {len(threes):,} threes and {len(sevens):,} sevens.")
print(f"To be tested on: {len(test_threes):,} other threes and {len(test_sevens):,} other sevens.")


def shrink(picture):
    """Average pairs of rows, as a character is twice as tall as wide, and cut off the margin."""
    return picture[2:26, 2:26].reshape(12, 2, 24).mean(axis=1)  # (28, 28) -> (12, 24)


def show(*pictures):
    """Print pictures side by side: the more ink, the darker the character."""
    ramp = " .:-=+*#%@"
    print()
    for rows in zip(*map(shrink, pictures)):
        line = ["".join(ramp[int(9.99 * ink)] for ink in row) for row in rows]
        if any(map(str.strip, line)):
            print(("  " + "  ".join(line)).rstrip())


print("\nA three, another three, a seven:")
show(threes[0], threes[1], sevens[0])

# %% Two averages and their difference. That is the whole program.
lesson.section("Build it here")

average_three = threes.mean(axis=0)  # (28, 28)
average_seven = sevens.mean(axis=0)
stencil = average_three - average_seven  # above 0: ink here speaks for a 3, below 0: for a 7


def scores(images):
    """Lay the stencil over every picture: multiply pixel by pixel and add up."""
    return (images * stencil).sum(axis=(1, 2))  # (n, 28, 28) -> (n,)


print("The average three and the average seven:")
show(average_three, average_seven)
print("\nThe stencil: '3' where ink speaks for a three, '7' where it speaks for a seven:\n")
for row in shrink(stencil):
    print("  " + "".join("3" if d > 0.15 else "7" if d < -0.15 else "." for d in row))

# %% The obvious rule: a score above 0 means 3.
lesson.section("Watch it work: above 0 is a three, below 0 is a seven")

three_scores, seven_scores = scores(test_threes), scores(test_sevens)


def report(border, low, high):
    """Say how many are read correctly if a score above `border` means 3."""
    missed_threes, missed_sevens = (three_scores <= border).sum(), (seven_scores > border).sum()
    share = 1 - (missed_threes + missed_sevens) / (len(test_threes) + len(test_sevens))
    lesson.expect("read correctly", 100 * share, low, high, unit="%")
    print(f"misread threes: {missed_threes:3} of {len(test_threes):,}")
    print(f"misread sevens: {missed_sevens:3} of {len(test_sevens):,}")


report(0, *expected["zero"])
print("\nMost mistakes are sevens. Why? Look at the scores of all test digits:\n")

halfway = (scores(average_three[None])[0] + scores(average_seven[None])[0]) / 2
lowest = 5 * int(min(seven_scores) // 5)
starts = range(lowest, int(max(three_scores)) + 1, 5)
three_counts = [((three_scores > n) & (three_scores <= n + 5)).sum() for n in starts]
seven_counts = [((seven_scores > n) & (seven_scores <= n + 5)).sum() for n in starts]
per_character = max(map(sum, zip(three_counts, seven_counts))) / 50
for start, n3, n7 in zip(starts, three_counts, seven_counts):
    bar = "7" * round(n7 / per_character) + "3" * round(n3 / per_character)
    print(f"  {start:3} to {start + 5:3}  {bar}{' <- 0' if start == 0 else ''}")
print(f"\nOne sign stands for {per_character:.1f} digits. Many sevens lie above 0.")

# %% The bias: one number that moves the border.
lesson.section("One more number: the bias")

ink_3, ink_7 = threes.sum(axis=(1, 2)).mean(), sevens.sum(axis=(1, 2)).mean()
print(f"A three has more ink than a seven: {ink_3:.0f} full pixels against {ink_7:.0f}. So there")
print(f"is more 3 than 7 in the stencil; all its pixels add up to {stencil.sum():+.0f}, not to 0.")
print("Ink of any kind leans towards three, and zero is not the middle. The middle is")
print(f"halfway between the scores of the two averages: {halfway:.1f}. This shift is the bias.\n")
report(halfway, *expected["halfway"])
print("\nThe worst mistakes, a three taken for a seven and a seven taken for a three:")
show(test_threes[three_scores.argmin()], test_sevens[seven_scores.argmax()])

# %% The same answers on another road.
lesson.section("Check it")


def is_nearer_to_three(images):
    """Compare with both averages pixel by pixel, and see which one is closer."""
    to_three = ((images - average_three) ** 2).sum(axis=(1, 2))
    to_seven = ((images - average_seven) ** 2).sum(axis=(1, 2))
    return to_three < to_seven


everyone = np.concatenate([test_threes, test_sevens])
same = (is_nearer_to_three(everyone) == (scores(everyone) > halfway)).sum()
print("A different question: to which of the two averages is this picture closer?")
print(f"The same answer for {same:,} of {len(everyone):,} pictures.")
assert same == len(everyone)

# %% The same digits, a little further down and to the right.
lesson.section("Now move the digits")


def moved(images, down, right):
    """Push pictures. What falls off one edge comes back at the other, and that is only paper."""
    return np.roll(images, (down, right), axis=(1, 2))


for down, right in [(0, 0), (0, 2), (2, 0), (2, 2)]:
    hits = (scores(moved(test_threes, down, right)) > halfway).sum()
    hits += (scores(moved(test_sevens, down, right)) <= halfway).sum()
    percent = 100 * hits / len(everyone)
    print(f"  {down} down, {right} right: {percent:5.1f} % read correctly")
lesson.expect("moved by two and two", percent, *expected["moved"], unit="%")

print("\nA coin would get 50 %. But to you a moved three is still a three:")
show(test_threes[0], moved(test_threes, 2, 2)[0])
print()
for words, images in (("in place", test_threes), ("moved", moved(test_threes, 2, 2))):
    for_3 = scores(images * (stencil > 0)).mean()
    for_7 = -scores(images * (stencil < 0)).mean()
    print(f"  a three {words:8} collects {for_3:4.1f} for 3 and {for_7:4.1f} for 7, on average")
print("\nA pen stroke is about three pixels wide. Two pixels on, the ink of a three has")
print("left its own places for those of sevens. The stencil knows places, not shapes.")

# %% A picture to keep.
figure = Figure(figsize=(9, 3.5), layout="constrained")
left, middle, right_side = figure.subplots(1, 3)
left.imshow(average_three, cmap="gray_r")
left.set_title("average 3")
middle.imshow(average_seven, cmap="gray_r")
middle.set_title("average 7")
strongest = abs(stencil).max()
right_side.imshow(stencil, cmap="RdBu_r", vmin=-strongest, vmax=strongest)
right_side.set_title("3 minus 7 (red: for 3, blue: for 7)")
for axes in (left, middle, right_side):
    axes.set_axis_off()
figure.savefig(lesson.out / "averages.png", dpi=120, bbox_inches="tight", pad_inches=0.2)
lesson.saved(lesson.out / "averages.png")

lesson.finish(
    learned=[
        "A picture is numbers. Multiply each by a weight, add up, compare with a border. That is"
        " all a neuron does.",
        "One formula set 784 weights and a bias, and they read digits well, if these sit still.",
        "Nothing here learns from a mistake. To learn, every weight has to know which way to"
        " move. That is lesson 02.",
    ],
    try_this=[
        "Swap ink and paper (1 - image). Which of the two borders still works, and why?",
        "1 and 0 are easy, 4 and 9 are hard. Which pair of digits is the hardest?",
        "Put moved digits into the averages too. What happens to the stencil?",
    ],
)
