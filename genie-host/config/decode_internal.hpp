// What the decoder's parts share; not for users of the config.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "document_reader.hpp"
#include "run_config.hpp"

namespace genie::config {

struct Context {
  Findings& findings;
  const std::string& file;
  const std::filesystem::path& folder;

  [[nodiscard]] std::string path(std::string_view text) const;
  void read_path(const ObjectReader& reader, std::string_view key, std::string& into) const;
  /// The keys `plugin` and `options`.
  void read_plugin(const ObjectReader& reader, PluginUse& into) const;
};

/// Whether a document says that it is of another kind. Its keys mean nothing here, so that is all that is reported.
[[nodiscard]] bool is_foreign(Context& context, View root, std::string_view schema_name,
                              std::string_view kind);
/// The keys `schema` and `version`; `kind` is the document in words ("run config").
void decode_schema(Context& context, const ObjectReader& root, std::string_view kind);
/// The sections that run and worker configs share.
void decode_plugins(Context& context, View view, Plugins& into);
void decode_kernels(Context& context, View view, std::vector<PluginUse>& into);

/// The section `run`.
void decode_steps(Context& context, View view, Run& into);
/// References between steps, ranges of numbers: what one value alone does not show.
void check_steps(Context& context, const Run& run);

}  // namespace genie::config
