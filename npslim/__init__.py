"""npslim: TF-Slim without TensorFlow."""
