"""One file per kind of asset: what joins a trained model or a set of rules to the engine."""
