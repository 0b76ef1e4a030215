"""An uploaded file of any common tabular format enters; a typed, profiled, fingerprinted dataset in Parquet leaves."""
