"""The tables of the README, made from the tables of the code."""
