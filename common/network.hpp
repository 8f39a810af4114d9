#pragma once

#include <boost/describe.hpp>
#include <cstdint>

namespace millrace {

/// Which kind of chain a text form belongs to; fixed in the genesis document.
enum class Network : std::uint8_t { main = 1, test = 2 };
BOOST_DESCRIBE_ENUM(Network, main, test)

}  // namespace millrace
