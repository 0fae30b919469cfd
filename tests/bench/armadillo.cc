/* armadillo.cc - EM of Armadillo's gmm_diag and gmm_full from a given start, timed inside.
 *
 *   armadillo diag|full N D K ITERATIONS DATA START
 *   armadillo --version
 *
 * DATA is x [N, D] and START weights [K], means [K, D] and covariances ([K, D] or [K, D, D]), raw
 * float64, row-major, which as Armadillo's column-major matrices have a row of data in a column.
 * Prints the seconds of 1 iteration and of 1 + ITERATIONS, each from the start, and the mean
 * log-likelihood under the parameters after the latter. The variance floor is 0. */
#include <armadillo>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

using namespace arma;

static void read_into(std::ifstream &file, double *out, uword n)
{
    file.read(reinterpret_cast<char *>(out), (std::streamsize)(n * sizeof *out));
    if (!file) throw std::runtime_error("a file is too short");
}

static void allocate(mat &covariances, uword n_features, uword n_components)
{
    covariances.set_size(n_features, n_components);
}

static void allocate(cube &covariances, uword n_features, uword n_components)
{
    covariances.set_size(n_features, n_features, n_components);
}

/* Seconds of `n_iter` iterations from the start, which `model` holds and which is given up. */
template <typename Model> static double learn_s(Model &model, const mat &x, uword n_iter)
{
    const auto began = std::chrono::steady_clock::now();
    const bool well =
        model.learn(x, model.n_gaus(), eucl_dist, keep_existing, 0, n_iter, 0.0, false);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (!well) throw std::runtime_error("learn() failed");
    return took.count();
}

template <typename Model, typename Covariances> static void compare(char **arg)
{
    const uword n_rows = std::stoull(arg[2]), n_features = std::stoull(arg[3]);
    const uword n_components = std::stoull(arg[4]), n_iter = std::stoull(arg[5]);
    mat x(n_features, n_rows), means(n_features, n_components);
    rowvec weights(n_components);
    Covariances covariances;
    allocate(covariances, n_features, n_components);
    std::ifstream data(arg[6], std::ios::binary), start(arg[7], std::ios::binary);
    read_into(data, x.memptr(), x.n_elem);
    read_into(start, weights.memptr(), weights.n_elem);
    read_into(start, means.memptr(), means.n_elem);
    read_into(start, covariances.memptr(), covariances.n_elem);

    Model model;
    model.set_params(means, covariances, weights);
    const double one_s = learn_s(model, x, 1);
    model.set_params(means, covariances, weights);
    const double all_s = learn_s(model, x, 1 + n_iter);
    std::printf("%.9f %.9f %.17g\n", one_s, all_s, model.avg_log_p(x));
}

int main(int argc, char **argv)
{
    const std::string family = argc == 8 ? argv[1] : "";
    try {
        if (family == "diag")
            compare<gmm_diag, mat>(argv);
        else if (family == "full")
            compare<gmm_full, cube>(argv);
        else if (argc == 2 && std::string(argv[1]) == "--version")
            std::printf("%s\n", arma_version::as_string().c_str());
        else
            throw std::runtime_error("usage: armadillo diag|full N D K ITERATIONS DATA START");
    } catch (const std::exception &error) {
        std::fprintf(stderr, "armadillo: %s\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
