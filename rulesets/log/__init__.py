"""What was decided, for whom, by which versions? The decision log: written durably, sealed, searched, removed when its time is over."""
