"""The wiring: commands pick the parts and start them."""
