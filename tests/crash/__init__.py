"""Kill the platform at any moment and prove, from what was acknowledged, that nothing was lost, doubled or swapped.

Four processes: the platform (killed with SIGKILL and started again), the `driver` (sends chains and writes down what was
acknowledged, synced to disk before it goes on), the `receiver` (the partner: logs raw requests) and the `checker`.
"""
