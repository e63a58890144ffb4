"""hello_dl: how does deep learning actually work? From one number to a language model."""
