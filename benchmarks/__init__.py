"""Side-by-side measurements. They print ratios of times taken in turn in one run, since machines are noisy."""
