"""TensorFlow's files of graphs: GraphDef (frozen graphs, .pb) and MetaGraphDef (.meta), without TensorFlow."""
