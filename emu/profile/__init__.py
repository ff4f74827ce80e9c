"""Where the time of a boot went: folds over its logs, which change nothing."""
