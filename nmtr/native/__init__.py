"""Compiled kernels for what training and ranking spend their time on; plain PyTorch does the same where they cannot be.

`kernels.cpp` is compiled once for each machine (about 2 s) with whatever C++ compiler is there, for all that its
processor has or for what ``NMTR_NATIVE`` allows of it (`build.LEVELS`). Without a compiler, or with ``NMTR_NATIVE=0``,
every function that would use the kernels takes its PyTorch path and gives the same numbers, up to the rounding of
float32.
"""
