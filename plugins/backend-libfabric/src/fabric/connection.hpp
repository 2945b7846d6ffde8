// The fabric paths: two ends that reach each other through a provider of libfabric.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "../datapath/connection.hpp"

namespace genie::fabric {

/// Opens an endpoint of this provider (names as find_provider takes them) on the device that has this numeric address; empty: any.
[[nodiscard]] Expected<std::unique_ptr<datapath::End>> open_end(std::string_view provider,
                                                                const std::string& local_address,
                                                                datapath::WaitOptions options);

}  // namespace genie::fabric
