list(APPEND vm_wasi_sources
  wasi/abi.cpp
  wasi/arguments.cpp
  wasi/calls_sparse.cpp
  wasi/tree.cpp)
list(APPEND vm_wasi_headers
  wasi/abi.hpp
  wasi/arguments.hpp
  wasi/calls.hpp
  wasi/calls_impl.hpp
  wasi/detail/call_base.hpp
  wasi/detail/calls_fd.hpp
  wasi/detail/calls_io.hpp
  wasi/detail/calls_misc.hpp
  wasi/detail/calls_path.hpp
  wasi/detail/descriptors.hpp
  wasi/detail/host.hpp
  wasi/detail/input_fs.hpp
  wasi/detail/node.hpp
  wasi/detail/normalise.hpp
  wasi/detail/path_walk.hpp
  wasi/detail/running_fs.hpp
  wasi/image.hpp
  wasi/limits.hpp
  wasi/tree.hpp)
