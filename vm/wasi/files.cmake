list(APPEND vm_wasi_sources
  wasi/abi.cpp)
list(APPEND vm_wasi_headers
  wasi/abi.hpp
  wasi/calls.hpp)
