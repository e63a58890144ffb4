"""Training: the loop, what is measured, what is saved, and the main job `hello-dl digits`."""
