add_library(millrace_sim STATIC
  simulation/adversary.cpp
  simulation/options.cpp
  simulation/oracle.cpp
  simulation/world.cpp)
target_link_libraries(millrace_sim PUBLIC millrace_consensus fmt::fmt)
add_executable(sim simulation/sim_main.cpp)
target_link_libraries(sim PRIVATE millrace_sim)
