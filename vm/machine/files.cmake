# image/: the program as the machine runs it. machine/: the machine.
list(APPEND vm_machine_sources
  image/detail/control_lowering.cpp
  image/detail/function_lowering.cpp
  image/image.cpp
  image/lower.cpp
  image/publish.cpp
  image/refusal.cpp
  machine/direct.cpp)
list(APPEND vm_machine_headers
  image/detail/code_writer.hpp
  image/detail/function_lowering.hpp
  image/format.hpp
  image/gas.hpp
  image/image.hpp
  image/lower.hpp
  image/opcodes.hpp
  image/publish.hpp
  image/refusal.hpp
  machine/assumptions.hpp
  machine/bulk.hpp
  machine/direct.hpp
  machine/execute.hpp
  machine/float_environment.hpp
  machine/floating.hpp
  machine/integer.hpp
  machine/machine_access.hpp
  machine/normal_form.hpp
  machine/run.hpp
  machine/trap.hpp
  machine/wasi_hosts.hpp)
