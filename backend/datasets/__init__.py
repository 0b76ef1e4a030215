"""An uploaded file comes in; a typed, fingerprinted, profiled table goes out."""
