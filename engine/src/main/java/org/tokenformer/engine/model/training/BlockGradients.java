package org.tokenformer.engine.model.training;

import org.tokenformer.engine.backend.ParameterGradients;

/** Where the gradients of a block's parameter tokens are added up. */
public record BlockGradients(
    ParameterGradients query,
    ParameterGradients key,
    ParameterGradients value,
    ParameterGradients projection,
    ParameterGradients ffn) {}
