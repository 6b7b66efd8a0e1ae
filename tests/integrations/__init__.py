"""Callbacks for other people's trainers, each tested where its library is installed."""
