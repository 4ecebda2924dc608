"""Reading runs: from histories and definitions, as data, to what an engineer wants to know."""
