#include "torch/metadata.hpp"

#include <array>
#include <charconv>

namespace genie::pytorch {
namespace {

/// Splits off the n-th field (from 0) of "key,path,type".
std::string_view field(std::string_view entry, int n) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= entry.size(); ++i) {
    const char c = i < entry.size() ? entry[i] : ',';
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    if (c != ',' || (depth > 0 && i < entry.size())) continue;
    if (n-- == 0) return entry.substr(start, i - start);
    start = i + 1;
  }
  return {};
}

/// "L['self'].layers[0].fc", "L__self__.fc" and "layers.0.fc@1" as "layers.0.fc".
std::string normal_path(std::string_view path) {
  constexpr std::array<std::string_view, 4> prefixes = {"L['self']", "L__self__", "L__self", "self"};
  for (const std::string_view prefix : prefixes)
    if (path.starts_with(prefix) &&
        (path.size() == prefix.size() || path[prefix.size()] == '.' || path[prefix.size()] == '[')) {
      path.remove_prefix(prefix.size());
      break;
    }
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (path.substr(i).starts_with("._modules[")) {
      i += 8;  // the bracket that follows names the module
      continue;
    }
    if (c == '@') break;  // "@1": the second call of the same module
    if (c == '[' || c == '.') {
      if (!out.empty() && out.back() != '.') out += '.';
    } else if (c != ']' && c != '\'' && c != '"') {
      out += c;
    }
  }
  while (!out.empty() && out.back() == '.')
    out.pop_back();
  return out;
}

std::string short_file(std::string_view file) {
  for (const std::string_view folder : {"site-packages/", "dist-packages/"})
    if (const std::size_t at = file.rfind(folder); at != std::string_view::npos)
      return std::string(file.substr(at + folder.size()));
  const std::size_t slash = file.rfind('/');
  return std::string(slash == std::string_view::npos ? file : file.substr(slash + 1));
}

/// Frames of PyTorch itself are of no use to its user.
bool is_inside_torch(std::string_view file) {
  return file.starts_with("torch/") || file.find("/site-packages/torch/") != std::string_view::npos ||
         file.find("/dist-packages/torch/") != std::string_view::npos;
}

}  // namespace

std::string module_scope(std::string_view nn_module_stack) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < nn_module_stack.size(); ++i) {
    const char c = nn_module_stack[i];
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    if (c == ';' && depth == 0) start = i + 1;
  }
  const std::string_view entry = nn_module_stack.substr(start);
  if (entry.starts_with("_empty_nn_module_stack")) return {};
  return normal_path(field(entry, 1));
}

std::optional<plan::SourceLine> source_line(std::string_view stack_trace) {
  constexpr std::string_view begin = "File \"";
  constexpr std::string_view middle = "\", line ";
  std::optional<plan::SourceLine> found;
  for (std::size_t at = stack_trace.find(begin); at != std::string_view::npos;
       at = stack_trace.find(begin, at + 1)) {
    // A frame begins a line; the same words inside quoted source do not.
    const std::size_t line_start = stack_trace.rfind('\n', at) + 1;  // npos + 1 is 0
    if (stack_trace.substr(line_start, at - line_start).find_first_not_of(' ') != std::string_view::npos)
      continue;
    const std::size_t file_start = at + begin.size();
    const std::size_t file_end = stack_trace.find(middle, file_start);
    if (file_end == std::string_view::npos) break;
    const std::string_view file = stack_trace.substr(file_start, file_end - file_start);
    const char* digits = stack_trace.data() + file_end + middle.size();
    std::int64_t line = 0;
    const auto [end, error] = std::from_chars(digits, stack_trace.data() + stack_trace.size(), line);
    if (error != std::errc{} || is_inside_torch(file) || file.starts_with("<")) continue;
    found = plan::SourceLine{short_file(file), line};
  }
  return found;
}

}  // namespace genie::pytorch
