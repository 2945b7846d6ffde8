#include "torch_build.hpp"

#include <ATen/Version.h>
#include <dlfcn.h>

#include <string_view>

#include "failure.hpp"

namespace genie::kernels_aten {

namespace {

/// The text between `before` and one of `ends`, or "".
std::string after(std::string_view text, std::string_view before, std::string_view ends) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return std::string(text.substr(0, text.find_first_of(ends)));
}

}  // namespace

TorchFacts loaded_torch() {
  TorchFacts facts;
  const std::string config = at::show_config();
  facts.version = after(config, "TORCH_VERSION=", ", \n");
  for (const std::string_view library :
       {"Intel(R) oneAPI Math Kernel Library", "Intel(R) Math Kernel Library"})
    if (const std::string rest = after(config, library, "\n"); !rest.empty())
      facts.blas = std::string(library) + rest;
  if (facts.blas.empty()) facts.blas = after(config, "BLAS_INFO=", ", \n");
  facts.onednn = after(config, "MKL-DNN ", " \n");
  facts.openmp = after(config, "OpenMP ", " \n");
  if (facts.onednn.empty()) facts.onednn = "none";
  if (facts.openmp.empty()) facts.openmp = "none";
  facts.cpu_capability = at::get_cpu_capability();
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::show_config), &info) != 0 && info.dli_fname != nullptr)
    facts.library = info.dli_fname;
  return facts;
}

std::optional<Error> torch_mismatch(const TorchFacts& loaded) {
  if (loaded.version == GENIE_TORCH_VERSION) return std::nullopt;
  plan::Diagnostic diagnostic;
  diagnostic.code = code::kTorchVersion;
  diagnostic.message = "kernels-aten was built for torch " GENIE_TORCH_VERSION
                       ", and this process has torch " +
                       (loaded.version.empty() ? std::string("of an unknown version") : loaded.version) +
                       " (" + loaded.library + ")";
  diagnostic.help =
      "Install torch " GENIE_TORCH_VERSION
      " there, or rebuild the plug-in with -Dtorch_python naming the interpreter of the other torch";
  return error_of(GENIE_INCOMPATIBLE, std::move(diagnostic));
}

}  // namespace genie::kernels_aten
