"""Functions of functions: gradients, products with Jacobians, Hessians, checkpoints."""
