// SHA-256 as bytes arrive.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace genie::services {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  void update(const void* data, std::size_t size);
  /// 64 lower-case hexadecimal digits; once.
  [[nodiscard]] std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Of a whole file; empty when it cannot be read.
[[nodiscard]] std::string sha256_of_file(const std::string& path);

}  // namespace genie::services
