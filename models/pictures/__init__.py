"""Pictures painted by two small networks of our own, trained on plates and paintings out of old books.

    dataset           the pictures, their classes
    networks, train   a painter that makes pictures of a class out of nothing, taught by a critic
    networks_sketch, train_sketch   a painter that fills in a sketch with a palette
    train_export      trained networks to ONNX with a card
    sample, sketch    the painters at work: onnxruntime, no torch
    distance, evaluate, sheets   how good they are, in figures and to the eye

torch is imported by the networks* and train* modules alone.
"""
