"""Stored models as scikit-learn's."""
import harness


def known_mixture(model, family):
    """The model of a fit as a fitted GaussianMixture of scikit-learn."""
    gaussian_mixture = harness.need("sklearn.mixture._gaussian_mixture")
    mixture = gaussian_mixture.GaussianMixture(len(model["weights"]), covariance_type=family)
    mixture.weights_, mixture.means_ = model["weights"], model["means"]
    mixture.covariances_ = model["covariances"]
    mixture.precisions_cholesky_ = gaussian_mixture._compute_precision_cholesky(
        model["covariances"], family
    )
    mixture.n_features_in_ = model["means"].shape[1]
    return mixture
