"""The music model: compound notes, a recurrent network, a numba decoder, training and evaluation."""
