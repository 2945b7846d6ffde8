// Boost.JSON's own sources, compiled once for the whole library (see meson.build for why without warnings).
#include <boost/json/src.hpp>
