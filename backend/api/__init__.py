"""The HTTP edge: a request comes in, an answer or a problem document goes out; who may call is said at each endpoint."""
