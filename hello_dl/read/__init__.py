"""Reading a photo of handwriting: from the picture of a page to lines of text.

    photo = open_photo("page.jpg")
    reading = Reader(model, "0123456789").read(photo)
    print(reading.text)
    draw_boxes(photo, reading).save("boxed.png")

reader.py has the list of all steps. `compose_page` makes pages to try it on.
"""

from hello_dl.read.boxes import draw_boxes
from hello_dl.read.calibrate import calibration_error, find_temperature, reliability
from hello_dl.read.glyphs import to_field
from hello_dl.read.pages import compose_page
from hello_dl.read.photo import open_photo
from hello_dl.read.reader import Reader, Reading
from hello_dl.read.score import edit_distance, wrong_characters
from hello_dl.read.training import train_reader

__all__ = [
    "Reader", "Reading", "calibration_error", "compose_page", "draw_boxes", "edit_distance",
    "find_temperature", "open_photo", "reliability", "to_field", "train_reader", "wrong_characters",
]  # fmt: skip
