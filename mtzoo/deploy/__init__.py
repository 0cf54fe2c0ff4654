"""Deploy models: a trained network as one ONNX file with integers inside, and back. See docs/deploy.md."""
