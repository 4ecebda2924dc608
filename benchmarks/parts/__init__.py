"""The parts of `./dev bench data`, and what they and `./dev bench chaos` are made of."""
